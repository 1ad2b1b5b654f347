"""What each key of the language means, for editors to show: the words of docs/language.md, which a test holds this to.

`id` of a step stands once, for all of them.
"""

from __future__ import annotations

STEP_ID = "the step's own name: small letters, digits, `-` and `_`. Without it one is made of what the step does: `send: adopter/thank-you` is `thank-you`. Give one to every step that you refer to, and where the same step stands twice."

MEANINGS: dict[str, dict[str, str]] = {
    "Playbook": {
        "playbook": "its name: small letters, digits and `-`. The file is called `NAME.yaml`. Required.",
        "stage": "the stage of the map that it serves. Its file lies in the folder of that name, or in `playbooks/`. Required.",
        "description": "what it is for, in a sentence",
        "owner": "whom to ask about it",
        "priority": "1 to 9, 1 first, where a frequency cap leaves room for one; default 5. Not applied yet.",
        "entry": "what enrols a customer, see below. Without it only `enrol` of another playbook does.",
        "goal": "what counts as success, see below",
        "exit": "a list of what ends the journey early: a milestone (`purchase_refunded`) or a condition (`{if: customer.closed}`)",
        "holdout": "share of customers who are measured and not messaged, `0%` to `90%`; default none. They still get transactional mail.",
        "steps": "a list of steps, at least one. Required.",
    },
    "Entry": {
        "milestone": "the milestone that enrols",
        "per": "a property of the milestone: one journey for each value of it. Goal, exits and milestones then count only with the same value.",
        "if": "a condition; a value that is missing counts as no",
        "reentry": "`never`: once for each customer, or for each value of `per`; the default for a milestone and a segment. `after_exit`: again, but not while in it. `restart`: again, and a journey that is open ends with the reason `restarted`.",
        "segment": "a segment: who comes into it is enrolled. Short for the milestone `segment.NAME.entered`.",
        "schedule": "enrols every customer at these times, see by schedule",
        "date": "enrols each customer on a date of their own, see by date",
        "every": "with `date`: `year`, on its anniversaries too",
        "at": "with `date`: a clock time by the customer's clocks, in quotes; without it midnight",
        "spread": "with `schedule` or `date`: the time over which customers are spread, at most `24 hours`",
    },
    "Goal": {
        "milestone": "the milestone that means success. Required.",
        "within": "counts only this long after entry",
        "then": "`exit` (default) ends the journey; `continue` notes the goal and goes on",
    },
    "Leave": {
        "milestone": "this milestone ends the journey",
        "if": "the journey ends when an event of the customer makes this condition true",
    },
    "Send": {
        "send": "the template, without channel and ending",
        "channel": "`email` or `sms`, where the template exists for both; default e-mail, else SMS",
        "expires": "how long after it came due the message is still worth sending; default: what the template says, else 3 days for marketing and for ever for transactional mail",
        "refused": "steps for when the message may not go out; without them the journey goes on. how-it-works.md lists the reasons.",
    },
    "Wait": {
        "wait": "a length of time, or a mapping with the keys below",
        "in_time": "steps for when the moment was still ahead",
        "passed": "steps for when it lay in the past already, or there is no such date; without it the journey goes on after the wait",
    },
    "WaitUntil": {
        "until": "a moment",
        "at": 'a clock time by the customer\'s clocks, in quotes: `"10:00"`',
    },
    "WaitFor": {
        "wait_for": "a milestone, a list of them (any of them counts), or a mapping with the keys below",
        "timeout": "how long to wait. Required, so that every journey ends.",
        "reached": "steps for when it happened",
        "timed_out": "steps for when it did not",
    },
    "Listen": {
        "milestone": "a milestone, or a list",
        "of": "the id of a `send` step, for milestones of a message: `message.delivered`, `message.opened`, `message.clicked`, `message.bounced`, `message.complained`",
        "since": "what counts: `entry` (default): once the journey has begun. `step`: from this step on. `ever`: also before the journey.",
    },
    "Branch": {
        "branch": "a list of arms; the first whose condition is true is taken. Without `else`, and none true, the journey goes on.",
    },
    "Arm": {
        "if": "a condition",
        "then": "its steps",
        "else": "the steps where no condition is true; the last arm",
    },
    "Split": {
        "split": "the split's name. A customer always comes to the same variant of it.",
        "variants": "two or more, by name",
    },
    "Variant": {
        "weight": "of a variant, against the sum of all; default 1",
        "steps": "of a variant",
    },
    "Task": {
        "task": "what a person of yours is to do, up to 200 characters",
        "assign": "who: an e-mail address or name, or an attribute such as `customer.success_manager`. Required.",
        "due": "how long they have, such as `1 working day`",
    },
    "Repeat": {
        "repeat": "a mapping with the three keys below",
        "steps": "what is done each time",
    },
    "Again": {
        "every": "from one time to the next. The first is at once; what was missed is left out.",
        "at_most": "how often, up to 400. Required.",
        "until": "a milestone, or a list, that ends the repeat at once",
    },
    "Set": {
        "set": "attributes to change: `set: {customer.onboarded: true}`",
    },
    "Record": {
        "record": "makes a milestone: `record: onboarding_completed`",
    },
    "Enrol": {
        "enrol": "begins another playbook for this customer: `enrol: referral-ask`. Once for each customer.",
    },
    "Exit": {
        "exit": "ends the journey here, with a reason in words: `exit: small quote`",
    },
    "Scenarios": {
        "customer": "attributes of the customer; besides `consent`: a list of topics agreed to, `offers:sms` being one channel (without it, all; `[]`: none), `stage`: default that of the playbook, `split`: which variant, as in `{subject-line-test: short}`",
        "start": "day 0, as `2026-03-02 10:00` by the customer's clocks. Required.",
        "scenarios": "a list, at least one. Required.",
    },
    "Scenario": {
        "name": "what it shows. Required.",
        "with": "changes `customer` for this scenario",
        "given": "what happens; without it, the entry milestone at `start`. A playbook that a schedule or a date enters is entered at `start` in any case.",
        "expect": "every message, every task and the end, in order",
        "expect_some": "these, in order; others may stand between",
        "never": "templates that must not be sent",
    },
    "Given": {
        "day": "day of the journey; default 0",
        "at": "clock time; default that of `start`",
        "milestone": "what the customer does. All other keys on the line are its properties: `{day: 0, milestone: purchase, revenue: 49}`. With `consent.given` and `consent.withdrawn` the customer's answer changes.",
        "of": "the step whose message a `message.*` milestone is about",
        "set": "attributes that change: `{customer.plan: pro}`",
        "pause": "`freeze` or `continue`",
        "resume": "`send` or `skip`",
        "exit": "somebody ends the journey; the text is the reason",
    },
    "Expected": {
        "day": "day of the journey. Required.",
        "at": "clock time; without it any",
        "send": "a template that is sent",
        "channel": "of that message",
        "task": "the text of a task",
        "milestone": "a milestone that was waited for and came",
        "record": "a milestone that the playbook makes",
        "set": "attributes that the playbook changes",
        "enrol": "a playbook that it enrols in",
        "refused": "a template that is not sent",
        "reason": "why not, such as `no-consent`",
        "goal": "the goal, where the journey goes on after it",
        "end": "the end: the reason of the exit, `goal`, or `finished`",
    },
    "Map": {
        "time_zone": "for customers whose own is not known, such as `Europe/Paris`. Required.",
        "language": "the language of templates without one; default `en`",
        "company": "your name, for layouts",
        "postal_address": "for the foot of messages; required as soon as there is a marketing e-mail",
        "milestones": "by name: small letters, digits and `_`. Required.",
        "attributes": "of customers, by name. `first_name` `last_name` `email` `phone` `language` `time_zone` `country` `region` are always there.",
        "topics": "what customers agree to, by name",
        "stages": "by name, in the order of the lifecycle. Required.",
        "caps": "a list: how many marketing messages one person gets",
        "hours": "when marketing messages may go, on the customer's clock",
        "suppress": "a list: after what an address is messaged no more",
        "halt": "when a playbook is paused by itself",
    },
    "Stage": {
        "for": "what this stage is for. Required.",
        "forbids": "intents of templates that nobody in this stage is sent, checked by `check` and again before each message",
        "side": "`before`, `core` or `after` the purchase",
        "lapsed": "`true` for the stage of those who left: the next milestone with a stage brings them back",
    },
    "MilestoneRule": {
        "description": "what happened",
        "side": "`before`, `core` or `after`",
        "also": "other names under which products send it: `[Order Completed]`",
        "properties": "by name, with type: `{revenue: number}`. Types: `text`, `number`, `boolean`, `date`",
        "stage": "the stage to which it takes the customer; never backwards, except out of a lapsed one",
        "when": "a condition: the milestone happens by itself in the moment in which this turns true",
    },
    "AttributeRule": {
        "type": "`text` (default), `number`, `boolean` or `date`",
        "description": "what it is",
        "one_of": "the only values that it has",
        "default": "its value where none is known",
        "of": "`customer` (default) or `account`",
    },
    "Topic": {
        "description": "what it is; customers read it on their preference page",
        "names": "what customers read there instead, by language: `{de: Angebote, fr: Offres}`",
        "consent": "`opt_in` (default) needs a yes, `opt_out` needs that nobody said no, `double_opt_in` needs a yes that was confirmed",
        "channels": "`email`, `sms` or both; default e-mail",
    },
    "Cap": {
        "channel": "`email` or `sms`; without it both",
        "topic": "only messages of this topic",
        "at_most": "so many",
        "every": "in any stretch of this length",
    },
    "Hours": {
        "email": "such as `08:00 to 21:00`; without it, any hour",
        "sms": "such as `10:00 to 19:00`, besides those of the law; without it, those of the law alone",
    },
    "Segment": {
        "if": "the condition that puts a customer into it, see below; a value that is missing counts as no. Required.",
        "description": "who that is",
    },
    "Suppress": {
        "on": "what providers told of a message: `bounced` (no such address), `blocked` (refused for the moment), `complained`, `undelivered` (an SMS), `invalid` (a number or address that cannot exist). Required.",
        "after": "of so many messages to the address; default 1",
        "within": "in any stretch of this length, such as `30 days`; without it ever",
        "scope": "`all` (default), or `marketing`: transactional messages still go",
    },
    "Halt": {
        "complained": "above this percentage of a playbook's e-mails the playbook is paused; default `0.3%`",
        "bounced": "the same for e-mails that bounced, blocked ones left out; default `5%`",
        "at_least": "with fewer e-mails than this nothing is judged; default 200",
        "within": "e-mails that a provider accepted in the last so long; default `7 days`",
    },
}

"""The senders that hand messages to a provider, and what stands before them: a breaker each, and one in reserve.

`connection` knows HTTP and what an answer proves; `sendgrid` and `twilio` know what a provider calls things; `breaker`
leaves a provider alone that fails; `failover` asks a second one. Each is a `messaging.sending.Sender`.
"""

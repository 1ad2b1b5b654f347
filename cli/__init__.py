"""The `milepost` command: a door. It reads what was typed, asks the rooms, and prints what they answer."""

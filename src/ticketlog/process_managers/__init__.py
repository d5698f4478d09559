"""The policies at work: accepted events in, commands out; timers; how far each of them is."""

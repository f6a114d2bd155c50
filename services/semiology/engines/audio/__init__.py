"""The engine `audio`, which hears: `voice.py` finds voices without any model, `engine.py` answers for the signs."""

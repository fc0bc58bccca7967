"""System calls that Python 3.11 does not offer, through ctypes.  Nothing here decides anything."""

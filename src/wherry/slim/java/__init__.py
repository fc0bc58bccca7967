"""Which modules of a JVM the classes of a program name."""

"""What builds know, shared: caches that go to a registry or a folder and come from there.

options     PURE: what --cache-to and --cache-from ask for
document    PURE: records of steps and their layers, as a shared cache holds them
exports     a build's records and layers to a shared cache
shared      what a build asks of shared caches
imports     a shared cache, of which a layer comes when somebody reads it
"""

"""What programs need to start: their loader, their libraries, their interpreter."""

"""What people ask for, a function each: values in, values out; nothing is read from argv or printed."""

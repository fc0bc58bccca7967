"""What all commands share: flags, tables, templates, units, output."""

"""What every room stands on: errors told in one line, files written whole, progress, constants, the table of options."""

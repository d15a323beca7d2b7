"""`python -m data_tools.check ROOT`: see `data_tools.check.check`."""

from data_tools.check.check import main

if __name__ == "__main__":
    main()

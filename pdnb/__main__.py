"""``python -m pdnb``."""

from pdnb.cli import main

if __name__ == "__main__":
    main(prog_name="python -m pdnb")

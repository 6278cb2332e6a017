"""`python -m bot.entrypoints` is `muster`."""

from bot.entrypoints.cli import main

main()

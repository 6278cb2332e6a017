import sys


def run(question):
    while True:
        sys.stdout.write("x" * 1_000_000)

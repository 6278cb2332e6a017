import os
import signal


def run(question):
    os.kill(os.getpid(), signal.SIGSEGV)

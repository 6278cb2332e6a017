import subprocess
import sys


def run(question):
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=True)

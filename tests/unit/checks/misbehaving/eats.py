def run(question):
    return bytearray(50 * 1024**3)

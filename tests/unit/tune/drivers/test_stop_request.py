"""Stopping on request."""

import os
import signal
import subprocess
import sys
import time

from tune.drivers.stop_request import StopRequest

PATIENT = """
import time
from tune.drivers.stop_request import StopRequest
with StopRequest("continue with: this", patience_s={patience}) as should_stop:
    should_stop.listen()
    print("ready", flush=True)
    while not (should_stop() and {polite}):
        time.sleep(0.01)
print("left in order")
"""


def run(*signals: signal.Signals, patience: float, polite: bool) -> tuple[int, str, str]:
    """Signals a process that stops when it is asked, if it is polite."""
    code = PATIENT.format(patience=patience, polite=polite)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    said = ""
    for number in signals:
        process.send_signal(number)
        while "\n" not in said.lstrip("\n"):  # the first has been heard before the second is sent
            said += process.stderr.readline()
    out, err = process.communicate(timeout=60)
    return process.returncode, out, said + err


def test_the_first_signal_asks() -> None:
    """Whoever asks learns of it and leaves in order; handlers are put back."""
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest("farewell") as should_stop:
        should_stop.listen()
        assert not should_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop()
    assert signal.getsignal(signal.SIGTERM) is before
    code, out, _ = run(signal.SIGHUP, patience=60, polite=True)
    assert (code, out) == (0, "left in order\n")


def test_the_second_signal_leaves_at_once() -> None:
    """Exit code 130, and the way to continue is the last thing said."""
    code, out, err = run(signal.SIGINT, signal.SIGTERM, patience=60, polite=False)
    assert (code, out) == (130, "")
    assert err.strip().splitlines()[-1] == "continue with: this"


def test_a_second_signal_may_interrupt_the_first() -> None:
    """While the first is still being said, to somebody who does not read yet, the second leaves at once."""
    code = PATIENT.format(patience=60, polite=False).replace(
        'print("ready"',
        "import os; os.set_blocking(2, False)\n"
        "    try:\n"
        "        while os.write(2, b'.' * 4096): pass\n"
        "    except BlockingIOError: os.set_blocking(2, True)\n"
        '    print("ready"',
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)  # it is in the middle of saying so; were it not yet, the order would be the usual one
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.strip().splitlines()[-1] == "continue with: this"


def test_patience_ends() -> None:
    """When nobody is left to save anything, the process leaves by itself within its time."""
    code, out, err = run(signal.SIGHUP, patience=0.2, polite=False)
    assert (code, out) == (130, "")
    assert "within 0 s" in err
    assert err.strip().splitlines()[-1] == "continue with: this"

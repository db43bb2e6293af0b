"""One run of a fake tool: what it prints, records, how long it takes, which faults meet it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import faults

RECORD_VARIABLE = "FAKE_VENDOR_RECORD"
#: Seconds that a step takes are multiplied by this; the steps of a real tool take minutes.
PACE_VARIABLE = "FAKE_VENDOR_PACE"
VERSION_VARIABLE = "FAKE_VENDOR_VERSION"
BUILDS = {"2022.2": ("3671981", "Fri Oct 14 04:59:54 MDT 2022")}


class ToolStop(Exception):
    """The tool ends now, with this exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


class TclFailure(Exception):
    """A command fails: an error of Tcl, which a script can catch. ``said``: ERROR lines printed."""


class Session:
    """What the parts of a fake tool have in common. ``design``: what it works on, by name."""

    def __init__(self, tool: str, arguments: list[str]) -> None:
        self.tool = tool
        self.arguments = arguments
        self.version = _version()
        self.design = ""
        #: Faults that change what is written later, by kind.
        self.spoiled: dict[str, dict[str, Any]] = {}
        self.record("start", arguments=arguments, directory=str(Path.cwd()))

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def now(self) -> str:
        return time.strftime("%a %b %d %H:%M:%S %Y")

    def record(self, event: str, **facts: Any) -> None:
        """A line of JSON in the file of the test."""
        path = os.environ.get(RECORD_VARIABLE)
        if not path:
            return
        fact = {"tool": self.tool, "pid": os.getpid(), "event": event, **facts}
        with Path(path).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(fact) + "\n")

    def error(self, text: str) -> NoReturn:
        """Print an ERROR as the tool does, and fail the command."""
        self.say(f"ERROR: {text}")
        raise TclFailure(text)

    def take(self, seconds: float) -> None:
        time.sleep(seconds * float(os.environ.get(PACE_VARIABLE) or 0.001))

    def step(self, name: str, seconds: float = 1.0) -> None:
        """A step begins: it takes its time, and what was asked for goes wrong in it."""
        self.record("step", step=name, design=self.design)
        for fault in faults.due(self.tool, name, self.design):
            self.record("fault", step=name, design=self.design, kind=fault["kind"])
            self._suffer(fault)
        self.take(seconds)

    def _suffer(self, fault: dict[str, Any]) -> None:
        kind = fault["kind"]
        handler = getattr(self, f"_fault_{kind}", None)
        if handler is None:
            self.spoiled[kind] = fault  # known to whoever writes that
        else:
            handler(fault)

    def _fault_licence(self, fault: dict[str, Any]) -> None:
        feature = "Synthesis" if self.tool == "vivado" else "HLS"
        why = f"The license feature {feature} could not be found."
        self._no_licence(feature, why)

    def _fault_licence_busy(self, fault: dict[str, Any]) -> None:
        why = "Licensed number of users already reached. FLEXnet Licensing error:-4,132"
        self._no_licence("Synthesis", why)

    def _no_licence(self, feature: str, why: str) -> NoReturn:
        self.say(f"Attempting to get a license for feature '{feature}' and/or device 'xc7z020'")
        self.say(
            f"WARNING: [Common 17-348] Failed to get the license for feature '{feature}' and/or "
            f"device 'xc7z020'. Explanation: {why}"
        )
        self.say(
            "Resolution: Check the status of your licenses in the Vivado License Manager. For "
            'debug help search Xilinx Support for "Licensing FAQ".'
        )
        self.error(
            f"[Common 17-345] A valid license was not found for feature '{feature}' and/or device "
            "'xc7z020'. Please run the Vivado License Manager for assistance in determining which "
            "features and devices are licensed for your system."
        )

    def _fault_error(self, fault: dict[str, Any]) -> None:
        self.error(fault.get("text", "[Synth 8-439] module 'does_not_exist' not found"))

    def _fault_port(self, fault: dict[str, Any]) -> None:
        self.error("[HLS 200-1505] cannot bind socket: Address already in use")

    def _fault_error_and_exit_0(self, fault: dict[str, Any]) -> None:
        self.say("ERROR: [Common 17-180] Spawn failed: No error")
        raise ToolStop(0)

    def _fault_memory_message(self, fault: dict[str, Any]) -> None:
        self.say("terminate called after throwing an instance of 'std::bad_alloc'")
        self.say("  what():  std::bad_alloc")
        self.say("There is insufficient memory for the tool to continue.")
        self._fault_abnormal(fault)

    def _fault_memory(self, fault: dict[str, Any]) -> None:
        """Takes real memory, all of it touched, and holds it for a while."""
        held = bytearray(int(fault.get("bytes", 256 * 2**20)))
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(float(fault.get("seconds", 60)))

    def _fault_abnormal(self, fault: dict[str, Any]) -> None:
        self.say("Abnormal program termination (11)")
        self.say(f"Please check '{Path.cwd()}/hs_err_pid{os.getpid()}.log' for details")
        raise ToolStop(1)

    def _fault_segfault(self, fault: dict[str, Any]) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def _fault_signal(self, fault: dict[str, Any]) -> None:
        os.kill(os.getpid(), int(fault.get("number", signal.SIGKILL)))
        time.sleep(60)

    def _fault_hang(self, fault: dict[str, Any]) -> None:
        time.sleep(float(fault.get("seconds", 600)))

    def _fault_slow(self, fault: dict[str, Any]) -> None:
        time.sleep(float(fault["seconds"]))

    def _fault_disk_message(self, fault: dict[str, Any]) -> None:
        self.error(
            "[Common 17-1297] The current working directory is not writable: No space left on "
            "device"
        )

    def _fault_child(self, fault: dict[str, Any]) -> None:
        """A process in the background that outlives the tool, in a session of its own if asked."""
        subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(600)"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=bool(fault.get("own_session")),
        )

    def spoil(self, kind: str) -> dict[str, Any] | None:
        """The fault of that kind, once: for what is written now."""
        return self.spoiled.pop(kind, None)


def _version() -> str:
    found = re.search(r"\b(20\d\d\.\d)\b", os.environ.get("FAKE_VENDOR_FOLDER", ""))
    return os.environ.get(VERSION_VARIABLE) or (found[1] if found else "2022.2")

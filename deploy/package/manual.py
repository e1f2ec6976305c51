#!/usr/bin/env python3
"""manual.py PROGRAM FOLDER   writes rollcall.1 and rollcall-job.5: the first from what the program says of its commands, the second from jobs/example.yaml,
which has every key of a job file with its default."""
import datetime
import json
import os
import pathlib
import subprocess
import sys

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
root = pathlib.Path(__file__).resolve().parents[2]
version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()[0]
# A build of the same sources gives the same pages.
day = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc).strftime("%Y-%m-%d")


def text(value):
    lines = value.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in lines)


def option(argument):
    if argument["kind"] == "positional":
        return "\\fI" + text(argument["valueName"]) + "\\fR"
    names = ["\\fB" + ("\\-\\-" if name["kind"] == "long" else "\\-") + text(name["name"]) + "\\fR" for name in argument.get("names", [])]
    value = " \\fI" + text(argument["valueName"]) + "\\fR" if argument["kind"] == "option" else ""
    return ", ".join(names) + value


def arguments(command, out):
    for argument in command.get("arguments", []):
        if not argument.get("shouldDisplay", True) or any(name["name"] in ("help", "version") for name in argument.get("names") or []):
            continue
        default = argument.get("defaultValue")
        out += [".TP", option(argument), text(argument.get("abstract", "")) + (f" Default: {text(default)}." if default else "")]


def commands(command, prefix, out):
    for child in command.get("subcommands", []):
        if child["commandName"] == "help":
            continue
        name = (prefix + " " + child["commandName"]).strip()
        out += [".SS " + text(name), text(child.get("abstract", ""))]
        if child.get("discussion"):
            out += [".PP", text(child["discussion"])]
        arguments(child, out)
        commands(child, name, out)


root_command = json.loads(subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True, text=True).stdout)["command"]
out = [
    f'.TH ROLLCALL 1 "{day}" "rollcall {version}" "User commands"', ".SH NAME", "rollcall \\- " + text(root_command["abstract"].rstrip(".").lower()),
    ".SH SYNOPSIS", ".B rollcall", "\\fIcommand\\fR [\\fIoption\\fR ...] \\fIjob\\fR ...", ".SH DESCRIPTION", text(root_command.get("discussion", "")), ".SH COMMANDS",
]
commands(root_command, "", out)
out += [
    ".SH FILES", ".TP", "\\fI/etc/rollcall/jobs.d\\fR", "Job files, see rollcall\\-job(5).", ".TP", "\\fI/etc/rollcall/credentials\\fR",
    "Secrets that a job takes as credential:NAME.", ".TP", "\\fI/var/lib/rollcall\\fR", "The ledgers of the jobs.", ".SH SEE ALSO", "rollcall\\-job(5)",
]
(folder / "rollcall.1").write_text("\n".join(out) + "\n")

page = [
    f'.TH ROLLCALL\\-JOB 5 "{day}" "rollcall {version}" "File formats"', ".SH NAME", "rollcall\\-job \\- the job file of rollcall", ".SH DESCRIPTION",
    "A job file is YAML. It names a directory, a target, and how far a run may go. This one has every key; what is commented out shows its default.",
    ".SH EXAMPLE", ".nf", text((root / "jobs" / "example.yaml").read_text()), ".fi", ".SH SEE ALSO", "rollcall(1)",
]
(folder / "rollcall-job.5").write_text("\n".join(page) + "\n")

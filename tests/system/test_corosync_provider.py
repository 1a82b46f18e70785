#!/usr/bin/env python3
"""The membership port's second implementation: the sessions of test_two_nodes and test_failover, word for word, over
Debian's Corosync (corosync.conf: systole { provider: corosync })."""
import os
import shutil

import test_failover
import test_two_nodes
from harness import main

os.environ["SYSTOLE_LAB_PROVIDER"] = "corosync"


def absent(suite):
    suite.skip("the sessions over Corosync", "the package corosync is not installed")


if __name__ == "__main__":
    if shutil.which("corosync", path="/usr/sbin:/usr/bin"):
        main("over-corosync", test_two_nodes.session, *test_failover.SCENARIOS)
    else:
        main("over-corosync", absent)

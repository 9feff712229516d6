#!/usr/bin/python3
"""Ours beside Unbound, Knot Resolver and BIND: `make differential` for a few thousand questions, always the same.

usage: differential_test.py     (root; makes its own namespaces; BIN=build/bin)
"""
import os
import sys

RUN = os.path.dirname(os.path.abspath(__file__)) + '/../differential/run'
os.execv(sys.executable, [sys.executable, RUN, '--count', '3000', '--seed', '1'])

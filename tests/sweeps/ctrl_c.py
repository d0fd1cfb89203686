"""Ctrl-C at every branch of the module, on MicroPython.

    python tests/sweeps/ctrl_c.py [first=1] [last=999999] [every=1]

A board raises KeyboardInterrupt only where its bytecode branches. (The unix port, on which this
runs, does so out of its signal handler, in the middle of an allocation too, which it may not
survive.) So the module is run from a copy that calls tick() wherever a branch is, and call N of it
raises. Then all has to be as after a call of the file system that fails: see fail.py. With every=
each branch is hit once in each kind of step, and besides that only every such one.
"""

import sys

MICROPYTHON = sys.implementation.name == "micropython"

if not MICROPYTHON:
    import ast
    import itertools
    import os
    import subprocess
    import tempfile
    from pathlib import Path

    import workload

    numbers = itertools.count()

    def call(*arguments):
        number = ast.Constant(next(numbers))
        return ast.Call(ast.Name("_tick", ast.Load()), [number] + list(arguments), [])

    def test(value):
        """Return a test with a tick, unless the compiler decides it."""
        return value if "_ON_PC" in ast.unparse(value) else call(value)

    class Ticks(ast.NodeTransformer):
        """Puts a tick where the compiled code branches."""

        def visit_If(self, node):
            self.generic_visit(node)
            node.test = test(node.test)
            return node

        visit_While = visit_IfExp = visit_If

        def visit_BoolOp(self, node):
            self.generic_visit(node)
            node.values[:-1] = [test(value) for value in node.values[:-1]]
            return node

        def visit_For(self, node):
            self.generic_visit(node)
            node.body.insert(0, ast.Expr(call()))
            return node

        def visit_Try(self, node):
            self.generic_visit(node)
            if node.finalbody and node.handlers:
                node.body = [ast.Try(node.body, node.handlers, node.orelse, []), ast.Expr(call())]
                node.handlers = node.orelse = []
                return node
            return node if node.finalbody else [node, ast.Expr(call())]

    def make_copy(folder):
        tree = Ticks().visit(ast.parse(Path(workload.module.__file__).read_text()))
        tree.body.insert(1, *ast.parse("from ticks import tick as _tick").body)
        ast.fix_missing_locations(tree)
        Path(folder, "MicroTetherDB.py").write_text(ast.unparse(tree))

    def main():
        import interpreter

        with tempfile.TemporaryDirectory() as folder:
            make_copy(folder)
            command = [interpreter.find(), "-X", "heapsize=4M"] + sys.argv
            environment = dict(os.environ, TICKING=folder)
            sys.exit(subprocess.run(command, env=environment).returncode)

else:
    import os

    if not os.getenv("TICKING"):
        print("start it with CPython: python tests/sweeps/ctrl_c.py")
        sys.exit(2)
    sys.path.insert(0, os.getenv("TICKING"))
    import MicroTetherDB  # noqa: F401 (that copy, which all others get now)

    del sys.path[0]
    import fail
    import ticks
    import workload
    from workload import among, elsewhere, module, read, same

    class Interrupt:
        """What fail.Sweep expects of its faults, for tick()."""

        def arm(self, at, error, done):
            ticks.count = 0
            ticks.strike_at = at
            self.unsynced = ()

        @property
        def struck(self):
            return 0 < ticks.strike_at <= ticks.count

    class Sweep(fail.Sweep):
        def check(self, db, step, i, raised):
            before = self.states[i - 1][0] if i else {}
            after = self.states[i][0]
            self.raised = raised
            assert isinstance(raised, KeyboardInterrupt), "raised %r" % raised
            if db is None or "keys" not in repr(db):
                db = module.MicroTetherDB(self.place.path)
            found = workload.copy(elsewhere(read, db))
            disk = [found]
            if step[0] is workload.late:
                disk.append(before)
            if step[0] is workload.nest:
                pass  # it goes through states of its own
            elif step[0] is workload.keep:
                assert workload.mixed(found, before, after), "memory has %r" % found
            else:
                assert among(found, (before, after)), "memory has %r" % found
            assert among(self.on_disk(), disk), "the disk has %r" % self.on_disk()
            elsewhere(workload.put, db, "next", [1])
            found["next"] = [1]
            assert same(read(db), found), "the next write has not worked"
            db.close()
            assert same(self.on_disk(), found), "the disk has %r after close()" % self.on_disk()

    def main():
        options = workload.options(first=1, last=999999, every=1)
        sweep = Sweep(fail.OnChip("lfs256"), Interrupt())
        ticks.sweep = sweep
        assert not sweep.run(-1, None, False)
        ticks.sweep = None
        branches = ticks.count
        chosen = set(ticks.first.values())
        chosen.update(range(1, branches + 1, options["every"]))
        for n in sorted(chosen):
            if not options["first"] <= n <= options["last"]:
                continue
            try:
                assert sweep.run(n, None, False)
            except Exception:
                print("WRONG: Ctrl-C at branch %d" % n)
                print("in the step", workload.show(sweep.step))
                print("python tests/sweeps/ctrl_c.py first=%d last=%d" % (n, n))
                if sweep.raised:
                    sys.print_exception(sweep.raised)
                raise
        print("%d branches, Ctrl-C at %d of them, nothing lost" % (branches, sweep.tried))


workload.run(main)

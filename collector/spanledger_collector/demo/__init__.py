"""`spanledger demo`: the whole path on this machine, from an app's calls to a priced ledger, checked against the truth.

`story.run` tells it in order; `processes` starts and stops what it needs, `app_run` runs the app, `truth` compares what
the provider says it served with what the ledger counted, `places` knows where things are, `console` prints. The ledger
is asked through the commands of the CLI, run as subprocesses (`commands`), so that what is shown can be typed again.
"""

from spanledger_collector.demo.story import DemoSettings, run

__all__ = ["DemoSettings", "run"]

"""The dashboard: runs in a browser, finished ones and those that go on; looking is free."""

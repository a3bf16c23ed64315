"""What the shim answers beside lookups: modules that it loads by name (`--extensions`), each a Flask extension.

An extension is a module with `init_app(app: Flask) -> None`, which adds routes to the application. The shim is
`app.extensions["asof"]` (`asof.serve.shim.Shim`): its public methods authorise, give the current publication, and
answer. `shim.metrics.counter` makes a counter, `shim.describe` takes a function that gives a part of the OpenAPI
document.
A POST to a service does not pass through Flask, so Flask's hooks (`before_request`) do not see it.
Extensions import of asof nothing but `asof.serve`, and the image has them beside it (tests/test_imports.py).
"""

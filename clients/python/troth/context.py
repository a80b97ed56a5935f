"""What travels with every request besides the request."""
from troth.v1.common.ttypes import CallContext


class Context:
    """Each field is a text, or a function without arguments that is asked at each request, for example for the current traceparent."""

    def __init__(self, client_name=None, traceparent=None, tracestate=None, request_id=None):
        self.client_name, self.traceparent, self.tracestate, self.request_id = client_name, traceparent, tracestate, request_id

    def to_wire(self):
        def now(field):
            return field() if callable(field) else field
        return CallContext(request_id=now(self.request_id), traceparent=now(self.traceparent), tracestate=now(self.tracestate),
                           client_name=now(self.client_name))

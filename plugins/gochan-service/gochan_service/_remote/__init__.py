"""The store of a server, as its clients have it."""

# The files, from the bottom up: each uses only those above it.
#
#   _address     addresses of servers, and what opens their doors
#   _post        sends a request to a server
#   _loads       as much as goes to a server in one request
#   _far_clock   the time by the clock of a server
#   _far_desk    calls, gathered into exchanges
#   _far_bells   hears the bells of a server
#   _http_store  the store, and how it is opened

from ._http_store import HttpStore, open_http_store
from ._loads import loads
from ._post import Post

__all__ = ["HttpStore", "Post", "loads", "open_http_store"]

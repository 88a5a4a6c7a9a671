"""`attune dashboard`: the executor's dashboard in a browser that needs no token.

A small server of this machine passes on what the page asks for and adds the user's token. Whoever reaches it acts as
the user, so it is guarded: `guard` decides, `proxy` passes on, `handover` gives the browser its key without showing it
to other processes.
"""

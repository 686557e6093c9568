"""The HTTP interface, in process and over a socket."""

"""Writes the credential, and finds the origin on loopback."""


def server_connect(data):
    data.server.address = ("127.0.0.1", int("@ORIGIN_PORT@"))
    data.server.sni = "@HOST@"


def requestheaders(flow):
    flow.request.headers["Authorization"] = "Bearer @CREDENTIAL@"

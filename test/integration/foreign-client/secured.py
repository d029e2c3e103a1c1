"""grpcio against a node with TLS and tokens: one call of each kind.

    secured.py DESCRIPTORS ADDRESS AUTHORITY TOKEN

AUTHORITY is the file of the certificate to trust. Prints what it found, as JSON.
"""

import json
import sys

import grpc

from client import load_messages

descriptors, address, authority, token = sys.argv[1:]
message = load_messages(descriptors)
with open(authority, "rb") as source:
    channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(source.read()))
metadata = [("authorization", f"Bearer {token}")]


def method(name, kind=channel.unary_unary, answer=None):
    return kind(
        f"/storage.StorageNodeService/{name}",
        request_serializer=message(f"{name}Request").SerializeToString,
        response_deserializer=message(answer or f"{name}Response").FromString,
    )


def call(name, **fields):
    return method(name)(message(f"{name}Request")(tenant_id="python", **fields), metadata=metadata)


def batch(keys):
    Entry = message("KeyValueEntry")
    entries = [Entry(tenant_id="python", key=key, value=key.encode()) for key in keys]
    return method("BatchWrite")(message("BatchWriteRequest")(entries=entries), metadata=metadata)


found = {}
found["written"] = call("Write", key="a", value=b"one").success
found["read"] = call("Read", key="a").value.decode()
found["deleted"] = call("Delete", key="a").success
found["gone"] = not call("Read", key="a").success
found["batch"] = [result.success for result in batch(["b", "c"]).results]
found["batchRead"] = [result.value.decode() for result in call("BatchRead", keys=["b", "c"]).results]
scan = method("Scan", channel.unary_stream)
answers = scan(message("ScanRequest")(tenant_id="python"), metadata=metadata)
found["scanned"] = [entry.key for answer in answers for entry in answer.entries]
try:
    method("Read")(message("ReadRequest")(tenant_id="python", key="b"))
    found["withoutToken"] = "OK"
except grpc.RpcError as error:
    found["withoutToken"] = error.code().name
print(json.dumps(found))

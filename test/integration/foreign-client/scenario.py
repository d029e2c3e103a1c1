"""What a foreign client does with a node, each step checked here: grpcio with messages made from a descriptor set.

    scenario.py DESCRIPTORS ADDRESS AUTHORITY calls|deadline

AUTHORITY is the file of the certificate to trust, or "-" for cleartext. Prints one line for each step that went well.
"""

import sys
import time

import grpc

from client import load_messages

VALUE_BYTES = 10 * 1024 * 1024
CHUNK_BYTES = 300_000
CHUNK_COUNT = 30

descriptors, address, authority, part = sys.argv[1:]
message = load_messages(descriptors)
options = [("grpc.max_receive_message_length", 16 * 1024 * 1024)]
if authority == "-":
    channel = grpc.insecure_channel(address, options)
else:
    with open(authority, "rb") as source:
        credentials = grpc.ssl_channel_credentials(source.read())
    channel = grpc.secure_channel(address, credentials, options)


def method(name, kind=channel.unary_unary):
    return kind(
        f"/storage.StorageNodeService/{name}",
        request_serializer=message(f"{name}Request").SerializeToString,
        response_deserializer=message(f"{name}Response").FromString,
    )


write, read, scan = method("Write"), method("Read"), method("Scan", channel.unary_stream)
Write, Read, Scan = message("WriteRequest"), message("ReadRequest"), message("ScanRequest")
batch_write, batch_read = method("BatchWrite"), method("BatchRead")
BatchWrite, BatchRead, Entry = message("BatchWriteRequest"), message("BatchReadRequest"), message("KeyValueEntry")


def large_value():
    value = bytes(range(256)) * (VALUE_BYTES // 256)
    assert write(Write(tenant_id="py", key="large", value=value)).success
    assert read(Read(tenant_id="py", key="large")).value == value
    print("large value", flush=True)


def slow_reading():
    for number in range(CHUNK_COUNT):
        write(Write(tenant_id="slow", key=f"{number:03}", value=bytes([number]) * CHUNK_BYTES))
    keys = []
    for answer in scan(Scan(tenant_id="slow")):
        for entry in answer.entries:
            assert entry.value == bytes([int(entry.key)]) * CHUNK_BYTES
            keys.append(entry.key)
        time.sleep(0.02)
    assert keys == [f"{number:03}" for number in range(CHUNK_COUNT)], keys
    print("slow reading", flush=True)


def batches():
    entries = [Entry(tenant_id="batch", key=f"{number:03}", value=bytes([number])) for number in range(100)]
    entries.append(Entry(tenant_id="batch", key="000", is_tombstone=True))
    assert all(result.success for result in batch_write(BatchWrite(entries=entries)).results)
    keys = [entry.key for entry in entries[:-1]]
    results = batch_read(BatchRead(tenant_id="batch", keys=keys)).results
    assert [result.value for result in results] == [b""] + [bytes([number]) for number in range(1, 100)]
    assert [result.success for result in results] == [False] + [True] * 99
    rows = [entry for answer in scan(Scan(tenant_id="batch", keys_only=True)) for entry in answer.entries]
    assert [(row.key, row.value_size) for row in rows] == [(key, 1) for key in keys[1:]]
    print("batches", flush=True)


def cancellation():
    call = scan(Scan(tenant_id="slow"))
    assert len(next(call).entries) > 0
    call.cancel()
    try:
        for _ in call:
            pass
        sys.exit("the stream came to its end")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.CANCELLED, error
    assert read(Read(tenant_id="slow", key="000")).success
    print("cancellation", flush=True)


def failure():
    try:
        write(Write(tenant_id="a:b", key="k"))
        sys.exit("a tenant with a colon was taken")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
        assert "grpc-status-details-bin" in dict(error.trailing_metadata())
    print("failure", flush=True)


def deadline():
    try:
        write(Write(tenant_id="py", key="late"), timeout=0.2)
        sys.exit("the call was answered")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    print("deadline", flush=True)


for step in [large_value, slow_reading, batches, cancellation, failure] if part == "calls" else [deadline]:
    step()

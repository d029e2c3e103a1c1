"""A client of the node that knows only its protocol: grpcio with messages made from a descriptor set.

    client.py DESCRIPTORS ADDRESS RECORDS write FIRST_TIMESTAMP ACKNOWLEDGED
    client.py DESCRIPTORS ADDRESS RECORDS verify ACKNOWLEDGED

RECORDS is a file in the format of dpkg's status file: the key is the package's name, the value its whole record.
`write` writes the records again and again, 64 calls in flight, each with a clock of its own, until the node goes
away. It appends each acknowledged key and timestamp to ACKNOWLEDGED and prints a line for every 50 of them.
`verify` reads back every acknowledged key: the value must be the record, the clock at least the acknowledged one.
"""

import json
import random
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

TENANT = "dpkg"
CLIENT = "python"
IN_FLIGHT = 64
PROGRESS_STEP = 50


def load_messages(path):
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as source:
        files.ParseFromString(source.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    # Newer releases of protobuf renamed it.
    message_class = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return lambda name: message_class(pool.FindMessageTypeByName(f"storage.{name}"))


def load_records(path):
    records = {}
    with open(path, "rb") as source:
        for paragraph in source.read().split(b"\n\n"):
            if not paragraph.strip():
                continue
            name = next(line for line in paragraph.split(b"\n") if line.startswith(b"Package: "))
            records.setdefault(name[len(b"Package: "):].decode(), paragraph)
    return records


class Client:
    def __init__(self, descriptors, address):
        self.message = load_messages(descriptors)
        self.channel = grpc.insecure_channel(address)

    def method(self, name):
        return self.channel.unary_unary(
            f"/storage.StorageNodeService/{name}",
            request_serializer=self.message(f"{name}Request").SerializeToString,
            response_deserializer=self.message(f"{name}Response").FromString,
        )


def write(client, records, first_timestamp, acknowledged_path):
    call = client.method("Write")
    Request = client.message("WriteRequest")
    slots = threading.Semaphore(IN_FLIGHT)
    lock = threading.Lock()
    in_flight = set()
    gone = threading.Event()
    count = 0
    refused = []
    keys = sorted(records)
    random.Random(first_timestamp).shuffle(keys)

    with open(acknowledged_path, "a") as acknowledged:

        def finish(key, timestamp, future):
            nonlocal count
            with lock:
                in_flight.discard(key)
                error = future.exception()
                if error is None and future.result().success:
                    acknowledged.write(f"{key} {timestamp}\n")
                    count += 1
                    if count % PROGRESS_STEP == 0:
                        print(json.dumps({"acknowledged": count}), flush=True)
                elif error is None or error.code() not in (
                    grpc.StatusCode.UNAVAILABLE,
                    grpc.StatusCode.CANCELLED,
                    grpc.StatusCode.UNKNOWN,
                ):
                    refused.append(f"{key}: {error or future.result()}")
                    gone.set()
                else:
                    gone.set()
            slots.release()

        timestamp = first_timestamp
        while not gone.is_set():
            for key in keys:
                slots.acquire()
                if gone.is_set():
                    slots.release()
                    break
                with lock:
                    busy = key in in_flight
                    in_flight.add(key)
                if busy:
                    slots.release()
                    continue
                timestamp += 1
                request = Request(tenant_id=TENANT, key=key, value=records[key])
                request.vector_clock.entries.add(coordinator_node_id=CLIENT, logical_timestamp=timestamp)
                future = call.future(request)
                future.add_done_callback(lambda done, key=key, timestamp=timestamp: finish(key, timestamp, done))
        for _ in range(IN_FLIGHT):
            slots.acquire()
    print(json.dumps({"acknowledged": count, "last_timestamp": timestamp, "refused": refused[:5]}), flush=True)


def verify(client, records, acknowledged_path):
    newest = {}
    with open(acknowledged_path) as lines:
        for line in lines:
            key, timestamp = line.split()
            newest[key] = max(newest.get(key, 0), int(timestamp))
    call = client.method("Read")
    Request = client.message("ReadRequest")
    problems = []
    keys = sorted(newest)
    for start in range(0, len(keys), IN_FLIGHT):
        batch = keys[start:start + IN_FLIGHT]
        futures = [call.future(Request(tenant_id=TENANT, key=key)) for key in batch]
        for key, future in zip(batch, futures):
            response = future.result()
            clock = {entry.coordinator_node_id: entry.logical_timestamp for entry in response.vector_clock.entries}
            if not response.success:
                problems.append(f"{key}: absent")
            elif response.value != records[key]:
                problems.append(f"{key}: other bytes")
            elif clock.get(CLIENT, 0) < newest[key]:
                problems.append(f"{key}: clock {clock} is older than the acknowledged {newest[key]}")
    print(json.dumps({"verified": len(keys), "problems": len(problems), "first_problems": problems[:5]}), flush=True)


def main():
    descriptors, address, records_path, command, *rest = sys.argv[1:]
    client = Client(descriptors, address)
    records = load_records(records_path)
    if command == "write":
        write(client, records, int(rest[0]), rest[1])
    else:
        verify(client, records, rest[0])


if __name__ == "__main__":
    main()

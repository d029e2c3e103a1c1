"""A client that has no proto files: it learns what the node serves by reflection, and then calls it.

    reflection.py ADDRESS v1|v1alpha

Prints the names of the services, and then a line for each call that went well.
"""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

address, version = sys.argv[1:]
channel = grpc.insecure_channel(address)
pool = descriptor_pool.DescriptorPool()
added = set()


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def text_field(number, text):
    encoded = text.encode()
    return varint(number << 3 | 2) + varint(len(encoded)) + encoded


def fields(message):
    """The length-delimited fields of a message, whose other fields are passed over."""
    position = 0

    def read_varint():
        nonlocal position
        number, shift = 0, 0
        while True:
            byte = message[position]
            position += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while position < len(message):
        tag = read_varint()
        length = read_varint()
        if tag & 7 == 2:
            yield tag >> 3, message[position:position + length]
            position += length


def ask(question):
    """One question by hand: the messages of reflection are not known yet either."""
    call = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
    [answer] = list(call(iter([question])))
    return dict(fields(answer))


def add(file):
    if file.name not in added:
        added.add(file.name)
        pool.Add(file)


def learn(symbol):
    answer = ask(text_field(4, symbol))
    files = [descriptor_pb2.FileDescriptorProto.FromString(bytes_) for _, bytes_ in fields(answer[4])]
    for file in reversed(files):
        add(file)


def message(name):
    message_class = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return message_class(pool.FindMessageTypeByName(name))


def method(service, name):
    descriptor = pool.FindServiceByName(service).FindMethodByName(name)
    is_stream = name in ("Scan", "Watch")
    kind = channel.unary_stream if is_stream else channel.unary_unary
    return kind(
        f"/{service}/{name}",
        request_serializer=message(descriptor.input_type.full_name).SerializeToString,
        response_deserializer=message(descriptor.output_type.full_name).FromString,
    ), message(descriptor.input_type.full_name)


services = [dict(fields(service))[1].decode() for _, service in fields(ask(text_field(7, ""))[6])]
for service in services:
    print(service)
    learn(service)

call, Request = method("storage.StorageNodeService", "Write")
assert call(Request(tenant_id="reflected", key="k", value=b"v")).success
print("write")
call, Request = method("storage.StorageNodeService", "Read")
assert call(Request(tenant_id="reflected", key="k")).value == b"v"
print("read")
call, Request = method("storage.StorageNodeService", "Scan")
assert [entry.key for answer in call(Request(tenant_id="reflected")) for entry in answer.entries] == ["k"]
print("scan")
call, Request = method("grpc.health.v1.Health", "Check")
assert call(Request(service="storage.StorageNodeService")).status == 1
print("health")
call, Request = method("grpc.health.v1.Health", "Watch")
watch = call(Request(service="no such service"))
assert next(watch).status == 3
watch.cancel()
print("watch", flush=True)

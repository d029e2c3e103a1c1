"""Sends requests of many shapes with python3-h2, which checks every frame that comes back, and prints what differs.

usage: http2_client.py PORT SEED COUNT

The server echoes: the fields whose names begin with "x-" as they came, the body, and its length as a trailer.
"""

import random
import socket
import sys

import h2.config
import h2.connection
import h2.events

port, seed, count = (int(argument) for argument in sys.argv[1:4])
dice = random.Random(seed)
connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
line = socket.create_connection(("127.0.0.1", port))
line.settimeout(20)
connection.initiate_connection()
connection.update_settings({4: dice.choice([1000, 65535, 1 << 20]), 1: dice.choice([0, 100, 4096])})

expected = {}
answers = {}


def send_some(data):
    """In pieces, so that the server's reads end anywhere."""
    while data:
        length = dice.choice([len(data), dice.randint(1, len(data))])
        line.sendall(data[:length])
        data = data[length:]


def read_events():
    for event in connection.receive_data(line.recv(65536)):
        if isinstance(event, h2.events.ResponseReceived):
            answers[event.stream_id] = {"headers": event.headers, "body": b"", "trailers": None, "ended": False}
        elif isinstance(event, h2.events.DataReceived):
            answers[event.stream_id]["body"] += event.data
            if event.flow_controlled_length:
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answers[event.stream_id]["trailers"] = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            answers[event.stream_id]["ended"] = True
        elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
            sys.exit(f"unexpected {event}")
    send_some(connection.data_to_send())


def send_body(stream, body):
    while body:
        window = min(connection.local_flow_control_window(stream), connection.max_outbound_frame_size, len(body))
        if window == 0:
            read_events()
            continue
        length = dice.randint(1, window)
        padding = dice.choice([None, None, dice.randint(0, 255)])
        if padding is not None and length + padding + 1 > window:
            padding = None
        connection.send_data(stream, body[:length], pad_length=padding)
        body = body[length:]
        send_some(connection.data_to_send())


names = ["x-" + "".join(dice.choices("abcdefghijklmnopqrstuvwxyz-0123456789", k=dice.randint(1, 12))) for _ in range(20)]
for _ in range(count):
    fields = [
        (dice.choice(names), "".join(dice.choices("abcXYZ019 ,;=/%~", k=dice.randint(0, 60))).strip())
        for _ in range(dice.randint(0, 8))
    ]
    body = dice.randbytes(dice.choice([0, 1, 100, 16384, dice.randint(0, 200000)]))
    stream = connection.get_next_available_stream_id()
    head = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "localhost")]
    connection.send_headers(stream, head + fields, end_stream=False)
    send_body(stream, body)
    if dice.random() < 0.3:
        connection.send_headers(stream, [("x-trailer", "1")], end_stream=True)
    else:
        connection.end_stream(stream)
    send_some(connection.data_to_send())
    expected[stream] = (fields, body)
    while dice.random() < 0.3 and not all(answers.get(s, {}).get("ended") for s in expected):
        read_events()

while not all(answers.get(stream, {}).get("ended") for stream in expected):
    read_events()

for stream, (fields, body) in expected.items():
    answer = answers[stream]
    assert answer["headers"] == [(":status", "200")] + fields, (answer["headers"], fields)
    assert answer["body"] == body, f"the body of stream {stream} differs"
    assert answer["trailers"] == [("body-length", str(len(body)))], answer["trailers"]
print(f"{len(expected)} requests echoed")

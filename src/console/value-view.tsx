/** A value as text, JSON, bytes or an image. Large ones wait until they are asked for. */
import { useEffect, useState } from "preact/hooks";
import { bytes } from "./format.ts";

const maxUnaskedBytes = 64 * 1024;
const maxHexBytes = 64 * 1024;

const forms = ["text", "JSON", "hex", "image"] as const;
type Form = (typeof forms)[number];

export function ValueView({ value }: { value: Uint8Array }) {
  const [form, setForm] = useState<Form>(() => bestForm(value));
  const [isAskedFor, setAskedFor] = useState(value.length <= maxUnaskedBytes);
  return (
    <div class="value">
      <fieldset class="forms" aria-label="Show the value as">
        {forms.map((candidate) => (
          <button
            type="button"
            key={candidate}
            aria-pressed={candidate === form}
            onClick={() => setForm(candidate)}
          >
            {candidate}
          </button>
        ))}
        <span class="detail">{bytes(value.length)}</span>
      </fieldset>
      {isAskedFor ? (
        <Shown value={value} form={form} />
      ) : (
        <p>
          <button type="button" onClick={() => setAskedFor(true)}>
            Show {bytes(value.length)}
          </button>
        </p>
      )}
    </div>
  );
}

function Shown({ value, form }: { value: Uint8Array; form: Form }) {
  if (form === "image") return <Image value={value} />;
  const { text, note } = textOf(value, form);
  return (
    <>
      {note !== undefined && <p class="detail">{note}</p>}
      <pre tabIndex={0}>{text}</pre>
    </>
  );
}

function textOf(value: Uint8Array, form: Form): { text: string; note?: string } {
  if (form === "hex") {
    const isCut = value.length > maxHexBytes;
    return {
      text: hex(value.subarray(0, maxHexBytes)),
      ...(isCut ? { note: `The first ${bytes(maxHexBytes)}.` } : {}),
    };
  }
  const text = decode(value);
  if (text === undefined)
    return { text: new TextDecoder().decode(value), note: "Not UTF-8: what cannot be read is shown as �." };
  if (form === "text") return { text };
  try {
    return { text: JSON.stringify(JSON.parse(text), undefined, 2) };
  } catch {
    return { text, note: "This is no JSON." };
  }
}

/** In an `<img>` of a blob nothing runs, whatever the bytes are. */
function Image({ value }: { value: Uint8Array }) {
  const [url, setUrl] = useState<string>();
  const [isBroken, setBroken] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(
      new Blob([new Uint8Array(value)], { type: imageType(value) ?? "image/png" }),
    );
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [value]);
  if (isBroken) return <p class="detail">No image that this browser can show.</p>;
  return url === undefined ? null : <img src={url} alt="The value" onError={() => setBroken(true)} />;
}

export function decode(value: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return undefined;
  }
}

function bestForm(value: Uint8Array): Form {
  if (imageType(value) !== undefined) return "image";
  const text = value.length <= maxUnaskedBytes ? decode(value) : "";
  if (text === undefined) return "hex";
  return /^\s*[{[]/.test(text) ? "JSON" : "text";
}

const imageMarks: readonly (readonly [mark: string, type: string])[] = [
  ["\x89PNG", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["GIF8", "image/gif"],
  ["RIFF", "image/webp"],
];

function imageType(value: Uint8Array): string | undefined {
  const start = String.fromCharCode(...value.subarray(0, 4));
  return imageMarks.find(([mark]) => start.startsWith(mark))?.[1];
}

function hex(value: Uint8Array): string {
  const lines: string[] = [];
  for (let start = 0; start < value.length; start += 16) {
    const row = [...value.subarray(start, start + 16)];
    const codes = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const signs = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${start.toString(16).padStart(8, "0")}  ${codes.padEnd(47)}  ${signs}`);
  }
  return lines.join("\n");
}

/** Figures as people read them. */
const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(count: number | bigint): string {
  let size = Number(count);
  let unit = 0;
  while (size >= 1024 && unit < byteUnits.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? size.toFixed(0) : significant(size)} ${byteUnits[unit]}`;
}

export function bytesPerSecond(rate: number): string {
  return `${bytes(rate)}/s`;
}

/** 1,234 in full, more as 12.3 k and 4.56 M. */
export function count(value: number | bigint): string {
  const number = Number(value);
  if (number < 10_000) return Number.isInteger(number) ? number.toLocaleString("en") : significant(number);
  if (number < 1e6) return `${significant(number / 1e3)} k`;
  if (number < 1e9) return `${significant(number / 1e6)} M`;
  return `${significant(number / 1e9)} G`;
}

export function rate(value: number): string {
  return `${count(value)}/s`;
}

export function percent(share: number): string {
  return `${significant(share * 100)} %`;
}

/** From seconds: 85 µs, 1.2 ms, 3.4 s, 2 min 5 s, 3 h 12 min, 4 d 3 h. */
export function duration(seconds: number): string {
  if (seconds === 0) return "0 s";
  if (seconds < 1e-3) return `${significant(seconds * 1e6)} µs`;
  if (seconds < 1) return `${significant(seconds * 1e3)} ms`;
  if (seconds < 60) return `${significant(seconds)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** From Unix milliseconds. */
export function moment(unixMs: number | bigint): string {
  return new Date(Number(unixMs)).toISOString().replace("T", " ").slice(0, 19);
}

/** Three digits that count. */
function significant(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(digits).replace(/\.?0+$/, (zeros) => (zeros.startsWith(".") ? "" : zeros));
}

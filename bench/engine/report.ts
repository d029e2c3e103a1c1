/** The results as a table for a terminal. */
import type { Row } from "./row.ts";

const nameWidth = 36;

export function printTable(rows: readonly Row[]): void {
  for (const row of rows) {
    console.log(`${row.case.padEnd(nameWidth)} ${figure(row.ours)} ${row.unit}`);
    for (const [peer, value] of Object.entries(row.peers)) {
      console.log(`${`  ${peer}`.padEnd(nameWidth)} ${figure(value)}   ours is ${times(row.ours / value)}`);
    }
    for (const { text, figure: reached, isMet } of row.bars) {
      console.log(`  ${isMet ? "met" : "MISSED"}: ${text}, here ${reached}`);
    }
    if (row.note !== undefined) console.log(`  ${row.note}`);
  }
}

function figure(value: number): string {
  return value.toLocaleString("en-US").padStart(12);
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}

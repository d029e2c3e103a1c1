/** The project's documents, and the code that they show. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

export interface CodeBlock {
  /** The nearest heading above. */
  readonly heading: string;
  readonly language: string;
  readonly text: string;
}

/** Paths from the project's root. */
export function documentPaths(): string[] {
  return ["*.md", "docs/**/*.md", "samples/*.md", "clients/*/*.md"]
    .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(root)])
    .sort();
}

export function readDocument(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The fenced blocks of a document, in their order. */
export function codeBlocks(path: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let heading = "";
  for (const [, title, language, text] of readDocument(path).matchAll(
    /^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$/gms,
  )) {
    if (title !== undefined) heading = title;
    else blocks.push({ heading, language: language ?? "", text: text ?? "" });
  }
  return blocks;
}

/** The one block in this language below this heading. */
export function codeBlock(path: string, heading: string, language: string): string {
  const found = codeBlocks(path).filter((block) => block.heading === heading && block.language === language);
  if (found.length !== 1)
    throw new Error(`${path} has ${found.length} ${language} blocks below "${heading}"`);
  return found[0]?.text ?? "";
}

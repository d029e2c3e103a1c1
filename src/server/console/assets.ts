/** The console's code and styles. Import it when they are asked for: from source, the import itself makes them. */
import { bundle } from "./bundle.ts" with { type: "macro" };

export const script: string = bundle("main.tsx");
export const styles: string = bundle("styles.css");

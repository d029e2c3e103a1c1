/** An error as the operating system reports it, for what this room finds out by itself or simulates. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** The errno name: "ENOENT", "ENOSPC", "EIO", … */
  readonly code: string;

  /** `action` says what was tried, `path` on what, `hint` why or what to do. */
  constructor(code: string, action: string, path: string, hint?: string) {
    super(`${code}: ${action} '${path}'${hint === undefined ? "" : `: ${hint}`}`);
    this.code = code;
  }
}

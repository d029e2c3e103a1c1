/** The progress of a backup that somebody asked for. It goes on when nobody listens any more. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BackupControl, RunningBackup } from "../../backup/backup-runner.ts";
import type { CreateBackupResponseSchema } from "../../gen/pairdb/admin/v1/admin_pb.ts";
import type { Clock } from "../../platform/clock.ts";
import { endsWithin } from "../../platform/ends-within.ts";
import { wide } from "./figures.ts";

const progressIntervalMs = 500;

type Progress = MessageInitShape<typeof CreateBackupResponseSchema>;

export function createBackup(backups: BackupControl, clock: Clock): AsyncGenerator<Progress, void, void> {
  return follow(backups.start(), clock);
}

async function* follow(backup: RunningBackup, clock: Clock): AsyncGenerator<Progress, void, void> {
  do yield figuresOf(backup);
  while (!(await endsWithin(backup.done, clock, progressIntervalMs)));
  const { manifest } = await backup.done;
  yield { ...figuresOf(backup), isDone: true, id: manifest.id, sequence: wide(manifest.sequence) };
}

function figuresOf(backup: RunningBackup) {
  const { totalBytes, doneBytes, sentBytes } = backup.progress();
  return { totalBytes: wide(totalBytes), doneBytes: wide(doneBytes), sentBytes: wide(sentBytes) };
}

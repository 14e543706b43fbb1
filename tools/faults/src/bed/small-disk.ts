/**
 * A disk of a few megabytes for one server, which a fault fills.
 *
 * It is a tmpfs in a mount namespace of its own, over one folder: the server is started inside (`nsenter`), nobody
 * else sees it, and it is gone with the last process in it, however that ends. Linux has this (util-linux' `unshare`
 * and `nsenter`), for root and, where user namespaces are allowed, for everybody.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';

const MOUNT_MS = 5_000;
const CHUNK = Buffer.alloc(64 * 1024, 1);

export interface SmallDisk {
  /** Starts a server that sees the disk: see `launcher` of @millrace/servers. */
  readonly launcher: readonly string[];
  /** Writes until nothing more fits, and more where a server has let go of space since; resolves with the bytes that did. */
  fill(): Promise<number>;
  /** Takes away what `fill` wrote. */
  free(): Promise<void>;
  close(): void;
}

/** Mounts `megabytes` over `folder`, for those who are started by its launcher; undefined where that is not possible. */
export async function openSmallDisk(folder: string, megabytes: number): Promise<SmallDisk | undefined> {
  if (process.platform !== 'linux') return undefined;
  await mkdir(folder, { recursive: true });
  const isRoot = process.getuid?.() === 0;
  // The holder keeps the namespace until its input ends, as it does when this process is gone.
  const holder = spawn('unshare', [isRoot ? '-m' : '-rm', 'sh', '-c', 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && echo mounted && exec cat', 'holder', String(megabytes), folder], { stdio: ['pipe', 'pipe', 'ignore'] });
  holder.stdin?.on('error', () => undefined);
  if (!(await mounted(holder)) || holder.pid === undefined) {
    holder.kill('SIGKILL');
    return undefined;
  }
  const target = String(holder.pid);
  const filler = path.join('/proc', target, 'root', folder, 'filler');
  return {
    launcher: isRoot ? ['nsenter', '-t', target, '-m', '--'] : ['nsenter', '-t', target, '-U', '--preserve-credentials', '-m', '--'],
    async fill() {
      const file = await open(filler, 'a');
      let bytes = 0;
      try {
        for (;;) bytes += (await file.write(CHUNK)).bytesWritten;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        return bytes;
      } finally {
        await file.close();
      }
    },
    free: () => rm(filler, { force: true }),
    close: () => void holder.kill('SIGKILL'),
  };
}

function mounted(holder: ChildProcess): Promise<boolean> {
  return new Promise((settle) => {
    const late = setTimeout(() => settle(false), MOUNT_MS);
    const done = (is: boolean): void => {
      clearTimeout(late);
      settle(is);
    };
    holder.once('error', () => done(false));
    holder.once('exit', () => done(false));
    holder.stdout?.once('data', () => done(true));
  });
}

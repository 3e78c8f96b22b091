import type { FileDiff } from "@/api/types";

/** A line of a tree of files: a folder, or a file. */
export interface TreeLine {
  path: string;
  name: string;
  depth: number;
  file: FileDiff | null;
}

interface Folder {
  folders: Map<string, Folder>;
  files: FileDiff[];
}

const blank = (): Folder => ({ folders: new Map(), files: [] });

/** Files in their folders; a chain of folders with nothing beside it is one line. */
export function treeOf(files: readonly FileDiff[]): TreeLine[] {
  const root = blank();
  for (const file of files) {
    let folder = root;
    for (const part of file.path.split("/").slice(0, -1)) {
      const next = folder.folders.get(part) ?? blank();
      folder.folders.set(part, next);
      folder = next;
    }
    folder.files.push(file);
  }
  const lines: TreeLine[] = [];
  const walk = (folder: Folder, path: string, depth: number): void => {
    for (const [first, next] of [...folder.folders].sort(([a], [b]) => a.localeCompare(b))) {
      let name = first;
      let inner = next;
      for (;;) {
        const only = inner.files.length === 0 && inner.folders.size === 1 ? [...inner.folders][0] : undefined;
        if (!only) break;
        name += `/${only[0]}`;
        inner = only[1];
      }
      const full = path ? `${path}/${name}` : name;
      lines.push({ path: `${full}/`, name, depth, file: null });
      walk(inner, full, depth + 1);
    }
    for (const file of folder.files) lines.push({ path: file.path, name: file.path.split("/").at(-1) ?? file.path, depth, file });
  };
  walk(root, "", 0);
  return lines;
}

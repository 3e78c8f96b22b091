import { useCallback, useEffect, useRef, useState } from "react";

import { upload } from "@/api/tasks";
import { sayFailed } from "@/shell/errors";

/** An image on its way to the service, or there. `id` is what the task names it by. */
export interface Attached {
  key: number;
  url: string;
  id: string | null;
}

export const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const LARGEST = 10 * 1024 * 1024;

export function acceptable(file: { type: string; size: number }): boolean {
  return KINDS.includes(file.type) && file.size <= LARGEST;
}

export function useImages(words: { refused: string; kinds: string }) {
  const [images, setImages] = useState<Attached[]>([]);
  const count = useRef(0);
  const urls = useRef(new Set<string>());
  useEffect(() => {
    const held = urls.current;
    return () => {
      for (const url of held) URL.revokeObjectURL(url);
    };
  }, []);

  const remove = useCallback((key: number) => {
    setImages((held) => held.filter((image) => image.key !== key));
  }, []);

  const add = useCallback(
    (files: Iterable<File>) => {
      for (const file of files) {
        if (!acceptable(file)) {
          sayFailed(new Error(words.kinds), words.refused);
          continue;
        }
        const key = (count.current += 1);
        const url = URL.createObjectURL(file);
        urls.current.add(url);
        setImages((held) => [...held, { key, url, id: null }]);
        upload(file).then(
          (taken) => setImages((held) => held.map((image) => (image.key === key ? { ...image, id: taken.id } : image))),
          (error: unknown) => {
            remove(key);
            sayFailed(error, words.refused);
          },
        );
      }
    },
    [remove, words.kinds, words.refused],
  );

  const clear = useCallback(() => setImages([]), []);
  return { images, add, remove, clear, sending: images.some((image) => image.id === null) };
}

/**
 * Takes files that are dropped anywhere on the page, where the browser would leave the page to show them. Answers whether
 * some are being dragged over it.
 */
export function useDropped(take: (files: Iterable<File>) => void): boolean {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  useEffect(() => {
    latest.current = take;
  }, [take]);
  useEffect(() => {
    const holds = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    const drag = (event: DragEvent): void => {
      if (!holds(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      setOver(false);
      if (!holds(event)) return;
      event.preventDefault();
      latest.current(event.dataTransfer?.files ?? []);
    };
    window.addEventListener("dragover", drag);
    window.addEventListener("dragleave", leave);
    window.addEventListener("drop", drop);
    return () => {
      window.removeEventListener("dragover", drag);
      window.removeEventListener("dragleave", leave);
      window.removeEventListener("drop", drop);
    };
  }, []);
  return over;
}

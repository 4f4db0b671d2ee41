// Keeps a box of lines at its newest line, as long as its reader has not scrolled up.

const close = 24;

/** Watches a box: new text scrolls to its end, unless somebody reads further up. */
export function follow(box) {
  let atEnd = true;
  box.addEventListener('scroll', () => { atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < close; }, { passive: true });
  const toEnd = () => { if (atEnd) box.scrollTop = box.scrollHeight; };
  box.follower = new MutationObserver(toEnd);
  box.follower.observe(box, { childList: true, characterData: true, subtree: true });
  toEnd();
}

/** Stops watching. */
export function leave(box) {
  box?.follower?.disconnect();
}

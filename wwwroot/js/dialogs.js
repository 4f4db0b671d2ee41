// Puts the focus into the first field of a dialog that opens: who opened it wants to type. It stays there until its reader does something.

function focusField(dialog) {
  const field = dialog.querySelector('input.mud-input-slot, textarea.mud-input-slot');
  if (!field) return;
  let touched = false;
  const touch = () => { touched = true; };
  const keep = event => { if (!touched && event.target !== field) field.focus(); };
  dialog.addEventListener('keydown', touch, { capture: true, once: true });
  dialog.addEventListener('pointerdown', touch, { capture: true, once: true });

  // What traps the focus in a dialog takes it for itself a moment after it has opened.
  dialog.addEventListener('focusin', keep);
  field.focus();
}

const seen = new WeakSet();
new MutationObserver(() => {
  for (const dialog of document.querySelectorAll('[role=dialog]')) {
    if (seen.has(dialog) || !dialog.querySelector('.mud-input-slot')) continue;
    seen.add(dialog);
    requestAnimationFrame(() => focusField(dialog));
  }
}).observe(document.documentElement, { childList: true, subtree: true });

// Shows that the server is gone, and brings the page back: by the same circuit, a resumed one, or a fresh load.
const box = document.getElementById('components-reconnect-modal');
const waitMs = 2000;
let trying = false;

box?.addEventListener('components-reconnect-state-changed', event => {
  const state = event.detail.state;
  box.classList.toggle('gone', state === 'failed' || state === 'rejected');
  if (state === 'show') box.show();
  else if (state === 'hide') box.close();
  else if (state === 'failed') bringBack();
  else if (state === 'rejected') location.reload();
});

async function bringBack() {
  if (trying) return;
  trying = true;
  while (true) {
    try {
      // Both answer false when the server is there but no longer knows the circuit.
      if (await Blazor.reconnect() || await Blazor.resumeCircuit()) break;
      location.reload();
      return;
    } catch {
      await new Promise(resolve => setTimeout(resolve, waitMs));
    }
  }
  trying = false;
  box.close();
}

// Sends a file as the body of a request, so that it does not pass through the circuit, and tells how far it is.

// What is told to .NET does pass through the circuit, which a message of more than 32 KB ends: answers, names and their number are bounded.
const maxAnswer = 4000;
const maxFiles = 20;
const maxName = 255;

/** Opens the browser's file dialog of an input. */
export function choose(input) {
  input.value = '';
  input.click();
}

/** Watches an input and a drop area; tells .NET which files were given. */
export function watch(area, input, page) {
  const give = files => {
    area.files = [...files].slice(0, maxFiles);
    page.invokeMethodAsync('FilesGiven', area.files.map(f => f.name.slice(-maxName)), files.length);
  };
  input.addEventListener('change', () => input.files.length && give(input.files));
  area.addEventListener('dragover', event => { event.preventDefault(); area.classList.add('dragging'); });
  area.addEventListener('dragleave', () => area.classList.remove('dragging'));
  area.addEventListener('drop', event => {
    event.preventDefault();
    area.classList.remove('dragging');
    if (event.dataTransfer.files.length) give(event.dataTransfer.files);
  });
}

/** Uploads one of the given files. Resolves to { status, body }: of a report, which the page reads for itself, the status is enough. */
export function send(area, index, url, tokenHeader, token, page) {
  return new Promise(resolve => {
    const request = new XMLHttpRequest();
    let told = 0;
    request.open('POST', url);
    request.setRequestHeader(tokenHeader, token);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = event => {
      const now = Date.now();
      if (event.lengthComputable && (now - told > 200 || event.loaded === event.total)) {
        told = now;
        page.invokeMethodAsync('Progress', Math.floor(100 * event.loaded / event.total));
      }
    };
    request.onload = () => resolve({ status: request.status, body: request.status === 200 ? '' : request.responseText.slice(0, maxAnswer) });
    request.onerror = () => resolve({ status: 0, body: '' });
    request.onabort = () => resolve({ status: 0, body: '' });
    area.request = request;
    request.send(area.files[index]);
  });
}

/** Breaks the upload off; what waits for it is told at once. */
export function cancel(area) {
  area.request?.abort();
}

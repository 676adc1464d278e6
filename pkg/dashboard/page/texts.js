// Every text of the page, in both languages; {0} and {1} stand for values.
const TEXTS = {
  en: {
    other: 'Bahasa Indonesia', dark: 'Dark', light: 'Light', skip: 'Skip to the live events', close: 'Close',
    opening: 'Connecting …', live: 'Live', lost: 'Connection lost since {0}, trying again', ill: 'No numbers from the server since {0}, trying again',
    streamLost: 'Live events stopped since {0}, trying again', otherData: 'The server now has other data than before; everything below begins anew.',
    badTopic: 'There can be no topic with that name; all topics are shown.',
    health: 'Health of the server and what it depends on', server: 'Server', store: 'Store', broker: 'Broker',
    ok: 'ok', unavailable: 'unavailable', draining: 'shutting down', unknown: 'unknown',
    onlyTopic: 'Only the topic', allTopics: 'Show all topics',
    totals: 'Totals', received: 'Received', unique: 'Unique', duplicates: 'Duplicates', ratio: 'Duplicate ratio', ofReceived: 'of all received',
    ofTopic: 'of this topic', queued: 'Queued', queuedNote: 'waiting to be stored', dead: 'Dead letters', deadNote: 'can’t be stored', perSecond: '{0}/s',
    rates: 'Last 15 minutes', peak: 'Peak {0}/s', at: '{0}: {1}/s unique, {2}/s duplicates', noData: '{0}: no data',
    chart: 'Chart of events per second over the last 15 minutes. Now {0}/s, peak {1}/s. Arrow keys read single points.',
    chartSince: 'For a single topic the chart begins when this page was opened.',
    topics: 'Topics', topic: 'Topic', share: 'Ratio', last: 'Last seen', topicsOf: '{0} of {1}', showTopics: 'Show all {0} topics',
    filterBy: 'Show only {0}', noTopics: 'No topics yet',
    events: 'Live events', search: 'Search these events', pause: 'Pause', resume: 'Resume', resumeWaiting: 'Resume, {0} waiting',
    paused: 'Paused.', waiting: 'Paused, {0} waiting.', waitingBound: 'Paused, {0} waiting; the last {1} are kept.',
    found: '{0} of {1} events match.', noEvents: 'Waiting for events …', stored: 'Stored', eventID: 'Event ID', source: 'Source', timestamp: 'Timestamp',
    payload: 'Payload', more: 'Show all of the payload ({0})', copy: 'Copy', copied: 'Copied', copyByHand: 'Press Ctrl+C', openJSON: 'Open as JSON',
    emptyTitle: 'No events yet', emptyHow: 'Publish the first one. Send it twice, and the second is counted as a duplicate:',
    emptyMore: 'Or send 20,000 made-up events, of which 30 % are duplicates:',
    uptime: 'Server up for {0}.', version: 'Version {0}.', docs: 'API documentation',
  },
  id: {
    other: 'English', dark: 'Gelap', light: 'Terang', skip: 'Langsung ke event terbaru', close: 'Tutup',
    opening: 'Menghubungkan …', live: 'Langsung', lost: 'Koneksi terputus sejak {0}, mencoba lagi', ill: 'Tidak ada angka dari server sejak {0}, mencoba lagi',
    streamLost: 'Event langsung terhenti sejak {0}, mencoba lagi', otherData: 'Data di server kini berbeda dari sebelumnya; semua di bawah ini dimulai dari awal.',
    badTopic: 'Topik dengan nama itu tidak mungkin ada; semua topik ditampilkan.',
    health: 'Kesehatan server dan layanan yang dibutuhkannya', server: 'Server', store: 'Penyimpanan', broker: 'Broker',
    ok: 'baik', unavailable: 'tidak tersedia', draining: 'sedang berhenti', unknown: 'tidak diketahui',
    onlyTopic: 'Hanya topik', allTopics: 'Tampilkan semua topik',
    totals: 'Total', received: 'Diterima', unique: 'Unik', duplicates: 'Duplikat', ratio: 'Rasio duplikat', ofReceived: 'dari semua yang diterima',
    ofTopic: 'dari topik ini', queued: 'Dalam antrean', queuedNote: 'menunggu disimpan', dead: 'Gagal disimpan', deadNote: 'di antrean dead letter', perSecond: '{0}/dtk',
    rates: '15 menit terakhir', peak: 'Puncak {0}/dtk', at: '{0}: {1}/dtk unik, {2}/dtk duplikat', noData: '{0}: tidak ada data',
    chart: 'Grafik event per detik selama 15 menit terakhir. Sekarang {0}/dtk, puncak {1}/dtk. Tombol panah membaca titik satu per satu.',
    chartSince: 'Untuk satu topik, grafik dimulai saat halaman ini dibuka.',
    topics: 'Topik', topic: 'Topik', share: 'Rasio', last: 'Terakhir', topicsOf: '{0} dari {1}', showTopics: 'Tampilkan semua {0} topik',
    filterBy: 'Tampilkan hanya {0}', noTopics: 'Belum ada topik',
    events: 'Event langsung', search: 'Cari di event ini', pause: 'Jeda', resume: 'Lanjutkan', resumeWaiting: 'Lanjutkan, {0} menunggu',
    paused: 'Dijeda.', waiting: 'Dijeda, {0} menunggu.', waitingBound: 'Dijeda, {0} menunggu; {1} terakhir disimpan.',
    found: '{0} dari {1} event cocok.', noEvents: 'Menunggu event …', stored: 'Disimpan', eventID: 'ID event', source: 'Sumber', timestamp: 'Waktu event',
    payload: 'Isi', more: 'Tampilkan seluruh isi ({0})', copy: 'Salin', copied: 'Tersalin', copyByHand: 'Tekan Ctrl+C', openJSON: 'Buka sebagai JSON',
    emptyTitle: 'Belum ada event', emptyHow: 'Kirim event pertama. Kirim dua kali, dan yang kedua dihitung sebagai duplikat:',
    emptyMore: 'Atau kirim 20.000 event buatan, 30 % di antaranya duplikat:',
    uptime: 'Server berjalan selama {0}.', version: 'Versi {0}.', docs: 'Dokumentasi API',
  },
};

// What the reader chose is kept where the browser allows it.
const remember = {
  get(key) { try { return localStorage.getItem(`eventagg.${key}`); } catch { return null; } },
  set(key, value) { try { value === null ? localStorage.removeItem(`eventagg.${key}`) : localStorage.setItem(`eventagg.${key}`, value); } catch { /* not allowed */ } },
};

let language = remember.get('language') === 'id' ? 'id' : 'en';

const say = (key, ...values) => TEXTS[language][key].replace(/\{(\d)\}/g, (_, i) => values[i]);

// Numbers and times are written as the language does; times are the reader's own.
let formats;

function makeFormats() {
  const locale = language === 'id' ? 'id-ID' : 'en-US';
  const time = (options) => new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', ...options });
  formats = {
    whole: new Intl.NumberFormat(locale, { maximumFractionDigits: 0 }),
    tenth: new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    share: new Intl.NumberFormat(locale, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 }),
    minute: time({}),
    second: time({ second: '2-digit' }),
    millisecond: time({ second: '2-digit', fractionalSecondDigits: 3 }),
    day: time({ day: 'numeric', month: 'short' }),
  };
}

const formatRate = (rate) => (rate === null ? '–' : (rate === 0 || rate >= 9.95 ? formats.whole : formats.tenth).format(rate));
const formatShare = (part, whole) => (whole > 0 ? formats.share.format(part / whole) : '–');
const clock = (time, format = 'second') => formats[format].format(time).replaceAll('.', ':').replace(/:(\d{3})$/, '.$1');

function formatBytes(count) {
  const [unit, size] = count < 1024 ? ['B', 1] : count < 1 << 20 ? ['KiB', 1 << 10] : ['MiB', 1 << 20];
  return `${(size === 1 ? formats.whole : formats.tenth).format(count / size)} ${unit}`;
}

function formatDuration(seconds) {
  const units = language === 'id' ? ['h', 'j', 'm', 'd'] : ['d', 'h', 'm', 's'];
  const parts = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  const first = Math.max(0, parts.findIndex((part, i) => part > 0 || i === 3));
  return parts.slice(first, first + 2).map((part, i) => `${part} ${units[first + i]}`).join(' ');
}

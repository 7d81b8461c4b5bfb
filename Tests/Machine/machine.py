"""A machine in an emulator, whose power can be cut."""
import signal
import subprocess
import threading
import time


class Machine:
    """One run of the emulator, from power on to power off."""

    def __init__(self, folder: str, more: str = '', network: bool = False):
        command = [
            'qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '1', '-m', '768',
            '-kernel', f'{folder}/vmlinuz', '-initrd', f'{folder}/initrd', '-append',
            'root=/dev/vda rw rootfstype=ext4 console=ttyS0 quiet no_timer_check systemd.show_status=0 ' + more,
            '-drive', f'file={folder}/disk.img,if=virtio,format=raw', '-display', 'none', '-serial', 'stdio',
            '-monitor', 'none', '-no-reboot', '-nic', 'user,model=virtio' if network else 'none',
        ]
        self.lines: list[str] = []
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors='replace')
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, word: str, seconds: float) -> str | None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.lines:
                if word in line:
                    return line
            if self.process.poll() is not None:
                return None
            time.sleep(0.1)
        return None

    def cut(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

/* Preloaded into a program: holds it before its first own instruction until the patch is in.
 *
 * The file named by TSUGITE_GATE gets a line with the process's number; the program goes on when FILE.PID.open
 * is there. Only the first program goes through the gate: the variables are removed for its children.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void wait_for_patch(void)
{
	const char *gate = getenv("TSUGITE_GATE");
	const char *only = getenv("TSUGITE_GATE_PROGRAM");
	char path[4096], self[4096], line[32];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	int file;

	if (!gate || length <= 0)
		return;
	self[length] = 0;
	if (only && !strstr(self, only))
		return;
	unsetenv("LD_PRELOAD");
	unsetenv("TSUGITE_GATE");
	snprintf(path, sizeof path, "%s.%d.open", gate, (int)getpid());
	snprintf(line, sizeof line, "%d\n", (int)getpid());
	file = open(gate, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (file < 0 || write(file, line, strlen(line)) < 0)
		_exit(125);
	close(file);
	while (access(path, F_OK) != 0)
		usleep(2000);
}

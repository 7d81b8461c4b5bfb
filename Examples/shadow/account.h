struct account {
	int number;
	int secret;
};

int draw(struct account *account, int secret);

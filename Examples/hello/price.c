/* What a number of loaves costs, in cents. It forgets one. */
int price(int loaves, int cents);

int price(int loaves, int cents)
{
    int sum = 0;
    for (int loaf = 1; loaf < loaves; loaf++)
        sum += cents;
    return sum;
}
